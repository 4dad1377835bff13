/** Failures by kind, with each message once. */
import { useState } from "preact/hooks"
import type { Group, Message } from "./groups.ts"
import type { Entry } from "./rows.ts"
import { count, counted, nameOfKind } from "./text.ts"

/** Greatest number of links to inputs for one message, and greatest number of messages for one kind. */
const mostLinks = 20
const mostMessages = 50

/** Greatest number of kinds with which the first kind is open from the start. */
const fewKinds = 3

interface FailuresProps {
  readonly groups: ReadonlyArray<Group>
  readonly entries: ReadonlyArray<Entry>
  readonly onOpen?: (place: number) => void
  /** Shows in the table all inputs whose message contains a text. */
  readonly onAll?: (text: string) => void
}

export const Failures = ({ entries, groups, onAll, onOpen }: FailuresProps) => (
  <div class="groups">
    {groups.map((group, place) => (
      <Kind
        key={group.kind}
        group={group}
        isFirst={place === 0 && groups.length <= fewKinds}
        entries={entries}
        onAll={onAll}
        onOpen={onOpen}
      />
    ))}
  </div>
)

type Handlers = {
  readonly entries: ReadonlyArray<Entry>
  readonly onOpen: FailuresProps["onOpen"]
  readonly onAll: FailuresProps["onAll"]
}

const Kind = ({ group: { count: n, kind, messages }, isFirst, ...handlers }: Handlers & {
  readonly group: Group
  readonly isFirst: boolean
}) => {
  const [open, setOpen] = useState(isFirst)
  const left = messages.length - mostMessages
  return (
    <details open={open} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>
        <span class="is-failed" aria-hidden="true">✗</span> <b title={kind}>{nameOfKind(kind)}</b>{" "}
        <span class="times">× {count(n)}</span>
      </summary>
      {open &&
        messages.slice(0, mostMessages).map((message) => (
          <MessageOf key={message.message} message={message} kind={kind} {...handlers} />
        ))}
      {open && left > 0 && (
        <p class="facts">
          {counted(left, "more message")}
          <All text={kind} onAll={handlers.onAll} />
        </p>
      )}
    </details>
  )
}

const MessageOf = ({ entries, kind, message, onAll, onOpen }: Handlers & {
  readonly message: Message
  readonly kind: string
}) => {
  const { count: n, input, message: text, places } = message
  const rest = text.startsWith(`${kind}: `) ? text.slice(kind.length + 2) : text
  return (
    <div class={places.length === 1 ? "message one" : "message"}>
      {text !== kind && (
        <p>
          {rest} <span class="times">× {count(n)}</span>
        </p>
      )}
      {input !== undefined && places.length === 0 && <p class="facts">for example {input}</p>}
      <ul class="links">
        {places.slice(0, mostLinks).map((place) => {
          const { index, input } = entries[place]!
          return (
            <li key={place}>
              <button type="button" class="link" onClick={() => onOpen?.(place)}>#{index} {input}</button>
            </li>
          )
        })}
        {places.length > mostLinks && (
          <li>
            {count(places.length - mostLinks)} more
            <All text={text} onAll={onAll} />
          </li>
        )}
      </ul>
    </div>
  )
}

const All = ({ onAll, text }: { readonly text: string; readonly onAll: FailuresProps["onAll"] }) =>
  onAll === undefined
    ? null
    : <button type="button" class="plain" onClick={() => onAll(text)}>show in the table</button>
