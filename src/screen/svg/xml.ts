/** Text of programs and peers in XML. */

/** Characters that XML 1.0 does not permit, not even escaped, and lone halves of surrogate pairs. */
const FORBIDDEN = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;
/**
 * Controls that XML permits, and format characters, which reverse or hide text. The joiners of emoji and scripts are
 * kept.
 */
const INVISIBLE = /[\x00-\x1f\x7f-\x9f\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/gu;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text for the content of an element or an attribute in quotes. Controls and format characters are removed. */
export function escapeXml(text: string): string {
  return text
    .replace(INVISIBLE, '')
    .replace(FORBIDDEN, '\ufffd')
    .replace(/[&<>"']/g, character => ENTITIES[character]!);
}
