/** Addresses of Effect's own reference. */
const root = "https://effect.website/docs/v4/api"

/** The address of what a file of Effect's packages declares; undefined for other files. */
export const effectUrl = (file: string, name: string): string | undefined => {
  const [, path] = /\/node_modules\/(effect|@effect\/[^/]+)\/dist\/(?!internal\/)/.exec(file) ?? []
  if (path === undefined) return undefined
  const [, module] = file.split(`/${path}/dist/`)
  return `${root}/${path.replace("@effect/", "")}/${module!.replace(/\.d\.ts$/, "")}#${name}`
}
