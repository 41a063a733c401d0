// The reference for what a complete authorization server does: npm `oidc-provider` with its own in-memory
// adapter, set up for introspection and revocation by a client with a secret. Its adapter forgets all but a
// thousand entries; its store is the same here, but holds all tokens. They are put there through its models,
// under names that the load knows, opaque: access tokens of users (KIND is `user`), each with its grant, as
// ours have one; or those of the client credentials grant, which have none, so that revoking one ends nothing
// else.
import { randomBytes } from 'node:crypto';
import { exportJWK, generateKeyPair } from 'jose';
import Provider, { type Token } from 'oidc-provider';
import MemoryAdapter from 'oidc-provider/lib/adapters/memory_adapter.js';
import LRU from 'oidc-provider/lib/helpers/lru.js';
import { tokenOf } from '../lib/fill.ts';
import { listen } from '../lib/listen.ts';

const { CLIENT_ID = '', CLIENT_SECRET = '', TOKENS, KIND } = process.env;
const tokens = Number(TOKENS);
const store = new LRU({ maxSize: 4 * tokens + 1000 });
const { privateKey } = await generateKeyPair('ES256', { extractable: true });

const provider = new Provider('https://op.example.com', {
  adapter: (model: string) => new MemoryAdapter(model, store),
  jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig' }] },
  cookies: { keys: [randomBytes(32).toString('base64url')] },
  clients: [
    {
      client_id: CLIENT_ID,
      client_secret: CLIENT_SECRET,
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: 'ES256',
    },
  ],
  scopes: ['profile', 'orders'],
  ttl: { AccessToken: 86_400, ClientCredentials: 86_400, Grant: 86_400 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
});
const client = await provider.Client.find(CLIENT_ID);
for (let n = 0; n < tokens; n++) {
  const names = { client, jti: tokenOf(n), scope: 'profile orders', aud: 'https://api.example.com' };
  const token = KIND === 'user' ? await tokenOfUser(n, names) : new provider.ClientCredentials(names);
  // Normally set when the model makes up a token's name, which is given here.
  token.format = 'opaque';
  await token.save();
}

async function tokenOfUser(n: number, names: object): Promise<Token> {
  const accountId = `user-${n}`;
  const grant = new provider.Grant({ clientId: CLIENT_ID, accountId });
  grant.addOIDCScope('profile');
  const grantId = await grant.save();
  return new provider.AccessToken({ ...names, accountId, grantId, gty: 'authorization_code' });
}

provider.on('server_error', (_ctx, error) => process.stderr.write(`${String(error)}\n`));
listen(provider.callback());
