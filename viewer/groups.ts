/** Failures grouped by kind. */
import type { Entry } from "./rows.ts"
import { kindOf, nameOfKind } from "./text.ts"

/** Failed inputs with the same message. */
export interface Message {
  readonly message: string
  readonly count: number
  /** Places of the outcomes, as far as they are known. */
  readonly places: ReadonlyArray<number>
  /** One of the inputs, if places are not known. */
  readonly input?: string | undefined
}

/** Failed inputs of one kind, and their messages, the most frequent first. */
export interface Group {
  readonly kind: string
  readonly count: number
  readonly messages: ReadonlyArray<Message>
}

/** Groups messages by their kinds, the most frequent first. */
export const grouped = (messages: Iterable<Message>): ReadonlyArray<Group> => {
  const kinds = new Map<string, Map<string, Message>>()
  for (const message of messages) {
    const kind = kindOf(message.message)
    const group = kinds.get(kind) ?? new Map<string, Message>()
    kinds.set(kind, group)
    const known = group.get(message.message)
    group.set(
      message.message,
      known === undefined
        ? message
        : { ...known, count: known.count + message.count, places: [...known.places, ...message.places] }
    )
  }
  return [...kinds].map(([kind, group]) => {
    const messages = [...group.values()].toSorted((a, b) => b.count - a.count)
    return { kind, count: messages.reduce((sum, { count }) => sum + count, 0), messages }
  }).toSorted((a, b) => b.count - a.count)
}

/** Groups the failures among outcomes. */
export const groupsOf = (entries: ReadonlyArray<Entry>): ReadonlyArray<Group> => {
  const places = new Map<string, Array<number>>()
  for (const [place, { _tag, error }] of entries.entries()) {
    if (_tag !== "Failure") continue
    const message = error?.message ?? "failed"
    const known = places.get(message)
    if (known === undefined) places.set(message, [place])
    else known.push(place)
  }
  return grouped([...places].map(([message, places]) => ({ message, count: places.length, places })))
}

/** Lists kinds with their counts in one line: "TooShort × 79, TooLarge × 1". */
export const kindsLine = (groups: ReadonlyArray<Group>, most = 4): string => {
  const shown = groups.slice(0, most).map(({ count, kind }) => `${nameOfKind(kind)} × ${count.toLocaleString("en")}`)
  const left = groups.length - shown.length
  return [...shown, ...(left > 0 ? [`${left} more`] : [])].join(", ")
}
