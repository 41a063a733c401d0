// npm `oidc-provider` as a process of its own: an issuer that knows nothing of us. It gives out JWTs for one
// resource and opaque tokens for another. Started with PORT and JWKS (a private key set); says when it listens.
import Provider from 'oidc-provider';

const { PORT, JWKS } = process.env;
const issuer = `http://127.0.0.1:${PORT}`;
const formats = { 'https://api.example': 'jwt', 'https://opaque.example': 'opaque' };

const provider = new Provider(issuer, {
  jwks: JSON.parse(JWKS),
  clients: [
    {
      client_id: 'machine',
      client_secret: 'a-secret-between-machine-and-provider',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: 'ES256',
    },
  ],
  scopes: ['read'],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_ctx, resource) => ({
        scope: 'read',
        accessTokenFormat: formats[resource],
        audience: resource,
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});
provider.listen(Number(PORT), '127.0.0.1', () => process.stdout.write('listening\n'));
