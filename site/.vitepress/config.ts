import { fileURLToPath } from "node:url"
import { defineConfig } from "vitepress"
import { type Group, guides, modules } from "../pages.ts"
import { description, repository } from "../project.ts"
import { linkedCode } from "./code.ts"
import { breaks, links, slugOf } from "./markdown.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

const sidebarOf = (groups: ReadonlyArray<Group>) =>
  groups.map(({ pages, title }) => ({
    text: title,
    items: pages.map(({ path, title }) => ({ text: title, link: `/${path}` }))
  }))

/** The page of the site that a file of the repository is. */
const pageOf = (file: string): string | undefined => {
  const [, name] = /^(?:docs|site)\/(.+)\.md$/.exec(file) ?? []
  return file === "examples/README.md" ? "examples" : name === "index" ? "" : name
}

/** Bars beside each other in time, as in the report of a run. */
const icon =
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><g fill="#3b82c4"><rect width="10" height="3" y="1"/>`
  + `<rect x="4" y="6.5" width="12" height="3"/><rect x="2" y="12" width="9" height="3"/></g></svg>`

const about = new Map(
  [...guides, ...modules].flatMap(({ pages }) => pages).map(({ about, path }) => [`${path}.md`, about])
)

export default defineConfig({
  lang: "en-US",
  title: "effect-parallel",
  description,
  srcDir: "..",
  srcExclude: ["*.md", "!(docs|examples|site)/**", "examples/*/**/*.md", "site/{.vitepress,reference}/**"],
  rewrites: (file) => {
    const page = pageOf(file)
    return page === undefined ? file : page === "" ? "index.md" : `${page}.md`
  },
  outDir: "dist",
  cacheDir: "node_modules/.cache/vitepress",
  head: [["link", { rel: "icon", href: `data:image/svg+xml,${encodeURIComponent(icon)}` }]],
  vite: {
    plugins: [{
      // pages and the root of Vite are outside of this folder, and Vue is inside
      name: "vue-of-the-site",
      enforce: "pre",
      resolveId(id, importer, { ssr = false }) {
        if (!/^vue(?:\/|$)/.test(id)) return undefined
        if (ssr) return { id, external: true }
        return importer?.endsWith(".md") === true ? this.resolve(id, fileURLToPath(import.meta.url)) : undefined
      }
    }]
  },
  markdown: {
    anchor: { slugify: slugOf },
    theme: { light: "github-light-high-contrast", dark: "github-dark-default" },
    codeTransformers: [linkedCode as never],
    config: (markdown) => {
      breaks(markdown as never)
      links(root, pageOf)(markdown as never)
    }
  },
  transformPageData: ({ frontmatter, relativePath }) => ({
    description: about.get(relativePath) ?? frontmatter["description"],
    ...relativePath.startsWith("api/") ? { frontmatter: { ...frontmatter, editLink: false, pageClass: "api" } } : {}
  }),
  themeConfig: {
    nav: [
      { text: "Guides", link: "/first-run", activeMatch: "^/(?!api/|$)" },
      { text: "API", link: "/api/", activeMatch: "^/api/" }
    ],
    sidebar: [...sidebarOf(guides), { text: "API", link: "/api/", items: sidebarOf(modules) }],
    outline: [2, 3],
    socialLinks: [{ icon: "github", link: repository }],
    editLink: { pattern: `${repository}/edit/main/:path`, text: "Edit this page" },
    search: {
      provider: "local",
      options: {
        miniSearch: {
          // these functions run in the browser, from their source
          searchOptions: {
            combineWith: "AND",
            fuzzy: (term: string) => term.length > 4 ? 0.2 : false,
            prefix: (term: string) => term.length > 2,
            // guides before the reference
            boostDocument: (id: string) => id.includes("/api/") ? 0.4 : 1
          }
        }
      }
    }
  }
})
