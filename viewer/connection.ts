/** The connection of a dashboard to its program. */
import { useEffect, useState } from "preact/hooks"
import type { Update } from "../src/dashboard/messages.ts"
import { after, type Live, nothing } from "./liveState.ts"

/** Time until a connection that the browser has given up is opened again, in milliseconds. */
const again = 2000

/** Follows the program. The page is drawn at most once per frame, with the state at that time. */
export const useLive = (token: string): Live => {
  const [shown, setShown] = useState<Live>(nothing)
  useEffect(() => {
    let live = nothing
    let frame: number | undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    let source: EventSource | undefined
    const show = () => {
      frame ??= requestAnimationFrame(() => {
        frame = undefined
        setShown(live)
      })
    }
    const connect = () => {
      const opened = new EventSource(`events?token=${encodeURIComponent(token)}`)
      source = opened
      let isFirst = true
      opened.addEventListener("open", () => {
        isFirst = true
        live = { ...live, connection: "live" }
        show()
      })
      opened.addEventListener("message", ({ data }: MessageEvent<string>) => {
        live = after(live, JSON.parse(data) as Update, isFirst)
        isFirst = false
        if (live.connection === "over") opened.close()
        show()
      })
      opened.addEventListener("error", () => {
        if (live.connection === "over") return
        live = { ...live, connection: "lost" }
        show()
        if (opened.readyState !== EventSource.CLOSED) return
        clearTimeout(timer)
        timer = setTimeout(connect, again)
      })
    }
    connect()
    return () => {
      source?.close()
      clearTimeout(timer)
      if (frame !== undefined) cancelAnimationFrame(frame)
    }
  }, [token])
  return shown
}
