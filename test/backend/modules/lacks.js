import "./nowhere.js"
