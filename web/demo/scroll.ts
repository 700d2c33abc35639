/** Keeps the end of a growing text in view, unless the person has scrolled away from it. */

import { type RefObject, useEffect, useRef } from "react";

const NEAR = 60;

/** `scroller` is what scrolls, `content` the one thing in it. */
export function useBottom(): { scroller: RefObject<HTMLDivElement | null>; content: RefObject<HTMLDivElement | null> } {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const [box, inner] = [scroller.current, content.current];
    if (!box || !inner) return undefined;
    let atEnd = true;
    const scrolled = () => void (atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR);
    const grown = new ResizeObserver(() => atEnd && box.scrollTo({ top: box.scrollHeight }));
    box.addEventListener("scroll", scrolled, { passive: true });
    grown.observe(inner);
    return () => {
      box.removeEventListener("scroll", scrolled);
      grown.disconnect();
    };
  }, []);
  return { scroller, content };
}
