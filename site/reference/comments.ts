/** Doc comments, and what they say of members. */
import type { Comment, DeclarationReflection, SignatureReflection } from "typedoc"

const textOf = (comment: Comment): string => comment.summary.map(({ text }) => text).join("")

/** The signatures of a function, or of a value whose type has them. */
const signaturesOf = ({ signatures = [], type }: DeclarationReflection): ReadonlyArray<SignatureReflection> => [
  ...signatures,
  ...type?.type === "reflection" ? type.declaration.signatures ?? [] : []
]

/** The comments of a member: its own, and that of its first signature, unless they begin alike. */
export const commentsOf = (reflection: DeclarationReflection): ReadonlyArray<Comment> => {
  const own = reflection.comment
  const ofSignature = signaturesOf(reflection).find(({ comment }) => comment !== undefined)?.comment
  if (own === undefined || ofSignature === undefined) return [own ?? ofSignature].filter((each) => each !== undefined)
  const [summary = ""] = textOf(own).split("\n\n")
  return textOf(ofSignature).startsWith(summary) ? [ofSignature] : [own, ofSignature]
}

/** What a tag of a member says. */
export const tagOf = (reflection: DeclarationReflection, tag: `@${string}`): string | undefined =>
  [reflection, ...signaturesOf(reflection)].map(({ comment }) => comment).map((each) =>
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
const optionsOf = (reflection: DeclarationReflection): ReadonlyArray<DeclarationReflection> =>
  signaturesOf(reflection).flatMap(({ parameters = [] }) => parameters).flatMap(({ type }) =>
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
