/** Doc comments, and what they say of members. */
import type { Comment, DeclarationReflection } from "typedoc"

const textOf = (comment: Comment): string => comment.summary.map(({ text }) => text).join("")

/** The comments of a member: its own, and that of its first signature, unless they begin alike. */
export const commentsOf = (reflection: DeclarationReflection): ReadonlyArray<Comment> => {
  const own = reflection.comment
  const ofSignature = reflection.signatures?.find(({ comment }) => comment !== undefined)?.comment
  if (own === undefined || ofSignature === undefined) return [own ?? ofSignature].filter((each) => each !== undefined)
  const [summary = ""] = textOf(own).split("\n\n")
  return textOf(ofSignature).startsWith(summary) ? [ofSignature] : [own, ofSignature]
}

/** What a tag of a member says. */
export const tagOf = ({ comment, signatures = [] }: DeclarationReflection, tag: `@${string}`): string | undefined =>
  [comment, ...signatures.map((each) => each.comment)].map((each) =>
    each?.getTag(tag)?.content.map(({ text }) => text).join("").trim()
  )
    .find((each) => each !== undefined)

/** The comment at the head of a module, as Markdown. */
export const headOf = (source: string): string => {
  const [, comment = ""] = /^\/\*\*\n([^]*?)(?:\n \* @[^]*?)?\n \*\//.exec(source) ?? []
  return comment.replaceAll(/^ \* ?/gm, "").trim()
}

/** Properties of an interface, a class or an object, which may have comments of their own. */
const propertiesOf = ({ children = [], type }: DeclarationReflection): ReadonlyArray<DeclarationReflection> => [
  ...children,
  ...type?.type === "reflection" ? type.declaration.children ?? [] : []
]

/** Options that a function documents where it takes them. */
const optionsOf = ({ signatures = [] }: DeclarationReflection): ReadonlyArray<DeclarationReflection> =>
  signatures.flatMap(({ parameters = [] }) => parameters).flatMap(({ type }) =>
    type?.type === "intersection" || type?.type === "union" ? type.types : type ?? []
  )
    .flatMap((type) => type.type === "reflection" ? type.declaration.children ?? [] : [])

/** What is documented inside a member: each name once. */
export const documentedIn = (reflection: DeclarationReflection): ReadonlyArray<DeclarationReflection> => {
  const documented = [...propertiesOf(reflection), ...optionsOf(reflection)].filter((each) =>
    commentsOf(each).length > 0
  )
  return [...new Map(documented.map((each) => [each.name, each])).values()]
}
