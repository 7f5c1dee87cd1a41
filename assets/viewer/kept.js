// @ts-check
/**
 * What the page keeps in the browser: for a window, or for good.
 *
 * In the frame of another site a browser may refuse both (a private window, blocked cookies): reading the very name
 * throws there. The page then remembers by itself, until it is left.
 */

/** @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} Kept */

/** @returns {Kept} */
function inMemory() {
  const values = new Map();
  return {
    getItem: (name) => values.get(name) ?? null,
    setItem: (name, value) => void values.set(name, value),
    removeItem: (name) => void values.delete(name),
  };
}

/** @param {"sessionStorage" | "localStorage"} name @returns {Kept} */
function storage(name) {
  try {
    const kept = window[name];
    kept.getItem("lofi");
    return kept;
  } catch {
    return inMemory();
  }
}

export const forThisWindow = storage("sessionStorage");
export const forGood = storage("localStorage");
