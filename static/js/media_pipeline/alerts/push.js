/* Lets this browser take messages: form[data-push-key] with input[name=subscription].
 *
 * The button asks the browser for permission, hands the browser's own address over in the form, and sends it. What keeps
 * a browser from it is said in the elements [data-push-no=insecure|unsupported|denied|failed].
 */
const form = document.querySelector("form[data-push-key]");

function refuse(why) {
  for (const each of document.querySelectorAll("[data-push-no]")) each.hidden = each.dataset.pushNo !== why;
  if (why === "insecure" || why === "unsupported") form.hidden = true;
}

function bytesOf(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (char) => char.charCodeAt(0));
}

async function subscribe() {
  if ((await Notification.requestPermission()) !== "granted") return refuse("denied");
  const registration = await navigator.serviceWorker.register("/worker.js");
  await navigator.serviceWorker.ready;
  const wish = { userVisibleOnly: true, applicationServerKey: bytesOf(form.dataset.pushKey) };
  // A subscription to an older key of the hub would be refused.
  const former = await registration.pushManager.getSubscription();
  if (former) await former.unsubscribe();
  const subscription = await registration.pushManager.subscribe(wish);
  form.elements.subscription.value = JSON.stringify(subscription);
  form.requestSubmit();
}

if (form) {
  if (!window.isSecureContext) refuse("insecure");
  else if (!("serviceWorker" in navigator && "PushManager" in window && "Notification" in window)) refuse("unsupported");
  form.addEventListener("submit", (event) => {
    if (form.elements.subscription.value) return;
    event.preventDefault();
    subscribe().catch(() => refuse("failed"));
  });
}
