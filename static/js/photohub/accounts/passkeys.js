/* Passkeys: the browser makes one, or proves that it has one, and the form carries its answer to the hub.
 *
 *   form[data-passkey="create"|"get"][data-options="{…}"] or [data-options-url] > [data-passkey-go] ; input[name=credential]
 *   hidden where the browser knows no passkeys; [data-passkey-missing] is shown instead, [data-passkey-failed] when it fails
 */
function toBytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function toText(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

const withBytes = (known) => ({ ...known, id: toBytes(known.id) });

/* What the hub says, as the browser wants it. */
function read({ publicKey }) {
  const options = { ...publicKey, challenge: toBytes(publicKey.challenge) };
  if (options.user) options.user = withBytes(options.user);
  for (const name of ["excludeCredentials", "allowCredentials"]) {
    if (options[name]) options[name] = options[name].map(withBytes);
  }
  return { publicKey: options };
}

/* What the browser says, as the hub wants it. */
function write(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = toText(credential.response[name]);
  }
  return JSON.stringify({
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    response,
    clientExtensionResults: credential.getClientExtensionResults(),
  });
}

async function optionsOf(form) {
  if (!form.dataset.optionsUrl) return JSON.parse(form.dataset.options);
  const answer = await fetch(form.dataset.optionsUrl, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.json();
}

async function prove(form) {
  const failed = form.querySelector("[data-passkey-failed]");
  failed.hidden = true;
  try {
    const options = read(await optionsOf(form));
    const credential = await navigator.credentials[form.dataset.passkey](options);
    form.elements.credential.value = write(credential);
    form.submit();
  } catch {
    failed.hidden = false;
  }
}

if (window.PublicKeyCredential && window.isSecureContext) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.querySelector("[data-passkey-go]").addEventListener("click", () => prove(form));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      prove(form);
    });
  }
  for (const sentence of document.querySelectorAll("[data-passkey-missing]")) sentence.hidden = true;
}
