/** Dark or light: as the machine has it, until the person chooses. */

import { useEffect, useState } from "react";

const KEY = "streamsvc.theme";

/** The button that changes between the two. */
export function ThemeButton() {
  const [dark, setDark] = useState(chosen);
  useEffect(() => {
    document.documentElement.dataset["theme"] = dark ? "dark" : "light";
  }, [dark]);
  const change = () => {
    setDark(!dark);
    try {
      localStorage.setItem(KEY, dark ? "light" : "dark");
    } catch {
      // It holds as long as the page.
    }
  };
  return (
    <button type="button" className="quiet" onClick={change} aria-pressed={dark}>
      {dark ? "Light" : "Dark"}
      <span className="unseen"> theme</span>
    </button>
  );
}

function chosen(): boolean {
  const machine = matchMedia("(prefers-color-scheme: dark)").matches;
  try {
    return (localStorage.getItem(KEY) ?? (machine ? "dark" : "light")) === "dark";
  } catch {
    return machine;
  }
}
