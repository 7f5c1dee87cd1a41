// @ts-check
/**
 * The login page: name and password are sent as JSON, the cookie that comes back is out of every script's reach.
 */
const form = /** @type {HTMLFormElement} */ (document.querySelector("form"));
const asked = new URLSearchParams(window.location.search).get("StudyInstanceUID");
const told = /** @type {HTMLElement} */ (document.querySelector("[role=alert]"));

try {
  if (asked) window.sessionStorage.setItem("StudyInstanceUID", asked); // a link to a study is followed after the login
} catch {
  // A browser that keeps nothing: the study is opened by the link again.
}

/** @param {string} name @returns {string} */
function field(name) {
  const found = /** @type {HTMLInputElement | null} */ (form.elements.namedItem(name));
  return found ? found.value : "";
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const leaving = form.dataset.action === "logout";
  const values = leaving ? {} : { name: field("name"), password: field("password") };
  const headers = { "Content-Type": "application/json" };
  told.textContent = "";
  try {
    const answer = await fetch(leaving ? "logout" : "login", { method: "POST", headers, body: JSON.stringify(values) });
    const said = await answer.json();
    if (answer.ok) window.location.replace(leaving ? "login" : new URLSearchParams(window.location.search).get("to") === "study" ? "study" : "./");
    else told.textContent = String(said.error);
  } catch {
    told.textContent = "The server does not answer. Is LoFi still running? Then try again.";
  }
});
