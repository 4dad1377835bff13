/**
 * Reports as one self-contained HTML file that includes data, viewer and styles.
 */
import { hash, script } from "#viewer"
import { toColumns } from "./columns.ts"
import type { Json } from "./json.ts"

/**
 * Makes the page of a report. No text of an input or error can become markup or code: the data (`columns.ts`) is JSON
 * without a `<`, the viewer writes texts as text nodes, and the policy allows no other script and no request.
 */
export const make = (report: Json): string => page(report.name, "report", toColumns(report), "")

/** Makes the page of a dashboard, which sends requests only to its own server. */
export const live = (name: string, token: string): string => page(name, "live", { token }, "; connect-src 'self'")

const page = (name: string, id: string, data: object, policy: string): string =>
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src '${hash}'; style-src 'unsafe-inline'${policy}">
<title>${escape(name)}</title>
</head>
<body>
<script type="application/json" id="${id}">${inert(JSON.stringify(data))}</script>
<script>${script}</script>
</body>
</html>
`

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

/** Escapes `<` in JSON, so that no tag and no comment can begin there. */
const inert = (json: string): string => json.replaceAll("<", "\\u003c")
