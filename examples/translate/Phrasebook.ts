/**
 * What the stub server knows: one text in eight languages.
 */

export const text = "Good morning. The train is late. Thank you."

/** The text in each language, in the order of its sentences. */
export const translations: Readonly<Record<string, string>> = {
  da: "Godmorgen. Toget er forsinket. Tak.",
  de: "Guten Morgen. Der Zug hat Verspätung. Danke.",
  es: "Buenos días. El tren llega tarde. Gracias.",
  fr: "Bonjour. Le train est en retard. Merci.",
  it: "Buongiorno. Il treno è in ritardo. Grazie.",
  nl: "Goedemorgen. De trein is te laat. Dank u.",
  pt: "Bom dia. O comboio está atrasado. Obrigado.",
  sv: "God morgon. Tåget är försenat. Tack."
}
