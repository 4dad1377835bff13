/** What is wrong with the links of the built site. */
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join, normalize, relative } from "node:path"
import { repository } from "./project.ts"

const decoded = (text: string): string => text.replaceAll("&amp;", "&").replaceAll("&quot;", "\"")

const valuesOf = (html: string, attribute: RegExp): ReadonlyArray<string> =>
  [...html.matchAll(attribute)].map(([, value]) => decoded(value!))

/** The file of the site that an address leads to. */
const fileOf = (page: string, path: string): string => {
  const file = path === "" ? page : path.startsWith("/") ? path.slice(1) : normalize(join(dirname(page), path))
  return file === "" || file === "." || file.endsWith("/") ? join(file, "index.html") : file
}

/** A line for each link that leads nowhere: to a page, to a part of one, or to a file of the repository. */
export const problemsOf = (dist: string, root: string): ReadonlyArray<string> => {
  const htmls = new Map(
    globSync("**/*.html", { cwd: dist }).map((page) => [page, readFileSync(join(dist, page), "utf8")])
  )
  const anchors = new Map([...htmls].map(([page, html]) => [page, new Set(valuesOf(html, /\sid="([^"]*)"/g))]))

  const problem = (page: string, link: string): string | undefined => {
    if (link.startsWith(`${repository}/blob/main/`) || link.startsWith(`${repository}/tree/main/`)) {
      const file = decodeURI(link.slice(`${repository}/blob/main/`.length).replace(/#.*$/, ""))
      return existsSync(join(root, file)) ? undefined : "no such file in the repository"
    }
    if (/^(?:[a-z]+:|\/\/)/i.test(link)) return undefined
    const [path = "", anchor = ""] = link.replace(/\?.*?(?=#|$)/, "").split("#")
    const file = fileOf(page, decodeURI(path))
    if (!existsSync(join(dist, file))) return "no such page"
    return anchor === "" || anchors.get(file)?.has(decodeURIComponent(anchor)) !== false
      ? undefined
      : "no such part of the page"
  }

  return [...htmls].filter(([page]) => page !== "404.html").flatMap(([page, html]) =>
    [...new Set(valuesOf(html, /<(?:a|img|link|script)\b[^>]*?\s(?:href|src)="([^"]*)"/g))].flatMap((link) => {
      const found = problem(page, link)
      return found === undefined ? [] : [`${relative(root, join(dist, page))}: ${link}: ${found}`]
    })
  )
}
