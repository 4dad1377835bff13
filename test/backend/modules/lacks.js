await import(new URL("./nowhere.js", import.meta.url).href)
