/**
 * A report as one HTML file that needs nothing else: data, viewer and styles are inside.
 */
import { hash, script } from "#viewer"
import type { Json } from "./json.ts"

/**
 * Nothing of what inputs and errors say can become markup or code: the data is JSON without a `<`, the viewer writes
 * texts as texts, and the policy lets no other script run and nothing be fetched.
 */
export const make = (report: Json): string =>
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src '${hash}'; style-src 'unsafe-inline'">
<title>${escape(report.name)}</title>
</head>
<body>
<script type="application/json" id="report">${inert(JSON.stringify(report))}</script>
<script>${script}</script>
</body>
</html>
`

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

/** JSON in which no tag and no comment can begin. */
const inert = (json: string): string => json.replaceAll("<", "\\u003c")
