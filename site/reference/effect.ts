/** Addresses of Effect's own reference. */
const root = "https://effect.website/docs/v4/api"

/** The address of what a file of Effect's packages declares; undefined for other files. */
export const effectUrl = (file: string, name: string): string | undefined => {
  const [, packageName, module] =
    /\/node_modules\/(?:@effect\/)?(effect|platform-node|vitest)\/dist\/(.*)\.d\.ts$/.exec(file)
      ?? []
  return packageName === undefined ? undefined : `${root}/${packageName}/${module}#${name}`
}
