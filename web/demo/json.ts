/** JSON as people read and write it. */

/** A text, a mark, something empty, or a number or a word. */
const TOKENS = /"(?:[^"\\]|\\.)*"|\{\s*\}|\[\s*\]|[{}[\],:]|[^\s{}[\],:"]+/g;

/** Why `text` is no JSON; nothing if it is. */
export function mistakeIn(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * `json` with a line for each value; what is no JSON stays as it is. Values keep the characters that they were written
 * with: JavaScript would change large numbers.
 */
export function pretty(json: string): string {
  if (mistakeIn(json) !== undefined) return json;
  let line = "\n";
  const piece = (token: string): string => {
    if (token === "{" || token === "[") return token + (line += "  ");
    if (token === "}" || token === "]") return (line = line.slice(0, -2)) + token;
    if (token === ",") return token + line;
    if (token === ":") return ": ";
    return /^[{[]/.test(token) ? token.replace(/\s/g, "") : token;
  };
  return (json.match(TOKENS) ?? []).map(piece).join("");
}

/** A value as a person would say it. */
export function plain(json: string): string {
  if (mistakeIn(json) !== undefined) return json;
  const value: unknown = JSON.parse(json);
  if (typeof value === "boolean") return value ? "Yes" : "No";
  return typeof value === "string" ? value : pretty(json);
}
