/** Cuts a growing Markdown text into blocks, so that only its end is looked at again when it has grown. */

import { Lexer } from "marked";

/** A plain paragraph longer than this is cut: a browser lays out the whole of a block anew with each word in it. */
const LONGEST = 4000;

/** Where: at a space after which there can be nothing but a paragraph again. */
const CUT = /^[^`*_~[\]<>\\&|\n]{2000,4000} (?=\p{L}|\d+ )/u;

/** What comes last may still become part of what is before it, as the items of a list do. */
const UNSETTLED = 2;

/** The blocks of one text: those that are settled, and where the rest begins. */
export class Blocks {
  #text = "";
  #settled: readonly string[] = [];
  #end = 0;

  /** The blocks of `text`. Cheap if `text` is the one of the last call, grown. */
  of(text: string): readonly string[] {
    if (!text.startsWith(this.#text)) {
      this.#settled = [];
      this.#end = 0;
    }
    this.#text = text;
    const blocks = cut(text.slice(this.#end));
    const settled = blocks.slice(0, -UNSETTLED);
    const all = [...this.#settled, ...blocks];
    if (settled.length > 0) {
      this.#settled = [...this.#settled, ...settled];
      this.#end += settled.reduce((length, block) => length + block.length, 0);
    }
    return all;
  }
}

function cut(text: string): string[] {
  const blocks: string[] = [];
  for (const { type, raw } of new Lexer({ gfm: true }).blockTokens(text, [])) {
    if (type === "space" && blocks.length > 0) blocks.push(blocks.pop() + raw);
    else blocks.push(...(type === "paragraph" ? pieces(raw) : [raw]));
  }
  return blocks;
}

function pieces(paragraph: string): string[] {
  const found: string[] = [];
  let rest = paragraph;
  while (rest.length > LONGEST) {
    const piece = CUT.exec(rest)?.[0];
    if (!piece) break;
    found.push(piece);
    rest = rest.slice(piece.length);
  }
  return [...found, rest];
}
