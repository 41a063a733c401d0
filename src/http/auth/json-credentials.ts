// Client credentials as members of a JSON body: the parameters that OAuth puts into forms (RFC 6749 §2.3.1,
// RFC 7521 §4.2), under the same names.
import { z } from 'zod';
import type { Form } from '../reading/form.ts';

const text = z.string().nullish();

/** For the schema of a body. */
export const credentialMembers = {
  client_id: text,
  client_secret: text,
  client_assertion: text,
  client_assertion_type: text,
};

type CredentialMember = keyof typeof credentialMembers;
export const credentialNames = Object.keys(credentialMembers) as readonly CredentialMember[];

/** Reads them as a form would be read: empty or null members were not sent. */
export function credentialsOf(
  body: Readonly<Partial<Record<CredentialMember, string | null | undefined>>>,
): Form {
  const given = credentialNames.map((name) => [name, body[name] || ''] as const);
  return new Map(given.filter(([, value]) => value !== ''));
}
