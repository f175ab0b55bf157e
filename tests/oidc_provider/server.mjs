// The certified OpenID provider, as a process of its own on 127.0.0.1.
//
// It takes one argument, a JSON object (tests/certified.py writes it):
//
//   clients               client metadata as OpenID Connect Dynamic Client Registration names it
//   accounts              sub → claims; nobody else can sign in
//   access_token_seconds  how long an access token lives
//   refresh_tokens        "offline_access": only where that scope is granted; "always": with every code
//
// At /grants it says which grants it was asked for so far, and what came of each: ["refresh_token success", …].
//
// It writes one line, {"port": …}, to stdout once it listens, and its troubles to stderr. It ends on SIGTERM, and when
// stdin does, so that it never outlives the process that started it.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

process.stdin.on('close', () => process.exit(0)).resume();

// oidc-provider writes advice for production with console.info, to stdout, which is for the one line alone. A static
// import would run before this.
console.info = () => {};
const { Provider } = await import('oidc-provider');

const { clients, accounts, access_token_seconds, refresh_tokens } = JSON.parse(process.argv[2]);

function findAccount(ctx, sub) {
  if (!Object.hasOwn(accounts, sub)) return undefined;
  return { accountId: sub, claims: () => ({ sub, ...accounts[sub] }) };
}

function issueRefreshToken(ctx, client, code) {
  return refresh_tokens === 'always' || code.scopes.has('offline_access');
}

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' };
}

const configuration = {
  clients,
  findAccount,
  issueRefreshToken,
  // A rotated refresh token that comes again ends the whole grant: OAuth 2.0 Security BCP (RFC 9700) section 4.14.2.
  rotateRefreshToken: true,
  // Claims are at the userinfo endpoint alone where there is an access token: OpenID Connect Core section 5.4.
  conformIdTokenClaims: true,
  claims: {
    openid: ['sub'],
    email: ['email', 'email_verified'],
    profile: ['name', 'given_name', 'family_name', 'preferred_username', 'picture'],
  },
  pkce: { methods: ['S256'], required: () => true },
  features: {
    devInteractions: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
  ttl: { AccessToken: access_token_seconds },
  jwks: { keys: [signingKey()] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
};

// The port is part of the issuer, so it must be known before the provider is made.
const server = createServer();
server.keepAliveTimeout = 60_000; // longer than clients keep connections, or it closes one that is used at that moment
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`http://127.0.0.1:${port}`, configuration);
  provider.on('server_error', (ctx, error) => console.error(error));
  const grants = [];
  for (const outcome of ['success', 'error']) {
    provider.on(`grant.${outcome}`, (ctx) => grants.push(`${ctx.oidc.params?.grant_type} ${outcome}`));
  }
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (request.url === '/grants') response.end(JSON.stringify(grants));
    else answer(request, response);
  });
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
