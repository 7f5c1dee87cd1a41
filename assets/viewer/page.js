// @ts-check
/**
 * Where the reading room begins: lofi/ui/page.py writes the document that this draws into.
 */
import { mountRoom } from "./room.js";

const place = document.getElementById("room");
if (place) mountRoom(place, { login: "login" in place.dataset, elsewhere: "elsewhere" in place.dataset });
