// The program under test: resizes photos on the backend that is provided, with a timeout and retries.
import { Parallel, Task } from "effect-parallel"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

export const resize = Task.make("resize", {
  module: import.meta.url,
  run: (photo: string) => Effect.succeed(photo.replace(".jpg", "-small.jpg"))
})

export const resizeAll = (photos: ReadonlyArray<string>) =>
  Parallel.partition(photos, resize, {
    timeout: "30 seconds",
    retry: { times: 2, schedule: Schedule.exponential("1 second") }
  })
