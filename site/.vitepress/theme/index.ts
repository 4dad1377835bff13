import { inBrowser, type Theme } from "vitepress"
import theme from "vitepress/theme-without-fonts"
// oxlint-disable-next-line import/no-unassigned-import -- the style of the theme
import "./style.css"

/** Moves the sidebar to the page that is shown, which may be far down. */
const showActive = (): void => {
  const sidebar = document.querySelector<HTMLElement>(".VPSidebar")
  const active = [...sidebar?.querySelectorAll<HTMLElement>(".is-active > .item") ?? []].at(-1)
  if (sidebar === null || active === undefined) return
  const from = active.getBoundingClientRect().top - sidebar.getBoundingClientRect().top
  if (from < 0 || from > sidebar.clientHeight - 80) sidebar.scrollTop += from - sidebar.clientHeight / 2
}

export default {
  extends: theme,
  enhanceApp({ router }) {
    if (!inBrowser) return
    router.onAfterRouteChange = () => {
      setTimeout(showActive, 100)
    }
  }
} satisfies Theme
