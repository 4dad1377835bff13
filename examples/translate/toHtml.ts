// The task that runs on threads: renders Markdown as HTML.
import { Task } from "effect-parallel"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import MarkdownIt from "markdown-it"

const markdown = MarkdownIt()

export const toHtml = Task.make("toHtml", {
  module: import.meta.url,
  payload: Schema.String,
  success: Schema.String,
  run: (text) => Effect.sync(() => markdown.render(text))
})
