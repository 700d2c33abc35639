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
    let [atEnd, top, size] = [true, 0, ""];
    const scrolled = () => {
      const [lastTop, lastSize] = [top, size];
      [top, size] = [box.scrollTop, `${box.clientWidth} ${box.clientHeight}`];
      // The end can be out of view without anybody scrolling up: the text has grown, or was laid out anew.
      const scrolledUp = top < lastTop && size === lastSize;
      atEnd = box.scrollHeight - top - box.clientHeight < NEAR || (atEnd && !scrolledUp);
    };
    const grown = new ResizeObserver(() => atEnd && box.scrollTo({ top: box.scrollHeight }));
    box.addEventListener("scroll", scrolled, { passive: true });
    grown.observe(inner);
    grown.observe(box);
    return () => {
      box.removeEventListener("scroll", scrolled);
      grown.disconnect();
    };
  }, []);
  return { scroller, content };
}
