/* A certified OpenID Connect provider for the suite: node oidc_provider.mjs <its package> <port> <address of the hub>
 *
 * Whoever logs in under a name of PEOPLE has these claims; any password is right.
 */
import { pathToFileURL } from "node:url";

const [, , folder, port, hub] = process.argv;
const { default: Provider } = await import(pathToFileURL(`${folder}/lib/index.js`).href);

const PEOPLE = {
  olga: { email: "olga@example.org", email_verified: true, groups: ["photohub-owners"] },
  victor: { email: "victor@example.org", email_verified: true, groups: [] },
  mallory: { email: "mallory@example.org", email_verified: false, groups: ["other"] },
  alice: { email: "alice@example.org", email_verified: true, groups: ["photohub-owners"] },
};

const provider = new Provider(`http://localhost:${port}`, {
  clients: [
    {
      client_id: "photohub",
      client_secret: "a-secret-of-the-suite",
      redirect_uris: [`${hub}/login/sso/oidc/login/callback/`],
    },
  ],
  scopes: ["openid", "profile", "email", "groups"],
  claims: {
    openid: ["sub"],
    profile: ["preferred_username"],
    email: ["email", "email_verified"],
    groups: ["groups"],
  },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: `id-of-${id}`, preferred_username: id, ...PEOPLE[id] }),
  }),
  cookies: { keys: ["of the suite alone"] },
});
provider.listen(Number(port), "localhost", () => console.log("listening"));
