/** Addresses in the reference: a page for each module, and on it an anchor for each of its members. */
import { type PageDefinition, PageKind, type ProjectReflection, type Reflection, ReflectionKind } from "typedoc"
import { ModuleRouter } from "typedoc-plugin-markdown"

const isPage = (reflection: Reflection): boolean => reflection.kindOf([ReflectionKind.Module, ReflectionKind.Namespace])

export class Router extends ModuleRouter {
  override buildPages(project: ProjectReflection): Array<PageDefinition<Reflection>> {
    const pages: Array<PageDefinition<Reflection>> = []
    const add = (page: Reflection, path: string): void => {
      const url = `${path}.md`
      pages.push({ url, kind: PageKind.Reflection, model: page })
      this.fullUrls.set(page, url)
      const taken = new Map<string, number>()
      page.traverse((child) => {
        if (isPage(child)) add(child, `${path}/${child.name}`)
        else if (child.isDeclaration()) {
          // a type and a value may have the same name
          const count = taken.get(child.name) ?? 0
          taken.set(child.name, count + 1)
          this.anchors.set(child, count === 0 ? child.name : `${child.name}-${count}`)
          this.fullUrls.set(child, `${url}#${this.anchors.get(child)}`)
        }
        return true
      })
    }
    for (const module of project.children ?? []) add(module, module.name)
    return pages
  }
}
