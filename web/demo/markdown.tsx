/** Markdown of a model, which nobody vouches for, as sanitised HTML that grows. */

import createPurifier from "dompurify";
import { Marked } from "marked";
import { memo, useEffect, useMemo, useState } from "react";

import { Blocks } from "./blocks.js";

/** How many blocks are added a frame: a long answer must not hold up the page. */
const BLOCKS_A_FRAME = 4;

const marked = new Marked({ gfm: true, async: false });
const purifier = createPurifier(window);
// An image would tell its server who reads the answer; styles and forms would let it look like the page itself.
const PURIFY = {
  USE_PROFILES: { html: true },
  FORBID_TAGS: ["img", "picture", "video", "audio", "style", "form", "button", "input", "select", "textarea", "dialog"],
  FORBID_ATTR: ["style", "class", "id", "name"],
};
purifier.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  node.setAttribute("target", "_blank");
  node.setAttribute("rel", "noopener noreferrer");
});

/** A text as far as it has come. */
export function Markdown({ text }: { readonly text: string }) {
  const blocks = useMemo(() => new Blocks(), []).of(text);
  const shown = useGradually(blocks.length);
  return (
    <div className="text">
      {blocks.slice(0, shown).map((source, place) => (
        <Block key={place} source={source} />
      ))}
    </div>
  );
}

const Block = memo(function Block({ source }: { readonly source: string }) {
  const html = purifier.sanitize(marked.parse(source) as string, PURIFY);
  return <div className={source.endsWith(" ") ? "block cut" : "block"} dangerouslySetInnerHTML={{ __html: html }} />;
});

/** Counts up to `total`, a few each frame. */
function useGradually(total: number): number {
  const [shown, show] = useState(Math.min(total, BLOCKS_A_FRAME));
  useEffect(() => {
    if (shown >= total) return undefined;
    const frame = requestAnimationFrame(() => show(Math.min(total, shown + BLOCKS_A_FRAME)));
    return () => cancelAnimationFrame(frame);
  }, [shown, total]);
  return Math.min(shown, total);
}
