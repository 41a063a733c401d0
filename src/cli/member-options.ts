// Options that set the members of a record, as the API names them. client-options.ts and issuer-options.ts list them.
import { type Command, Option } from 'commander';
import { collect } from './options.ts';

interface How {
  /** Makes the option's value of its text. */
  parse?(text: string): unknown;
  /** Makes the member of the option's value. */
  read?(value: unknown): unknown;
}

type MemberOption = readonly [flags: string, means: string, how?: How];

/** By member; a name such as `inbox.kinds` is that of a member of a member. */
export type MemberOptions = Readonly<Record<string, MemberOption>>;

export function withMemberOptions(command: Command, options: MemberOptions): Command {
  for (const [flags, means, how] of Object.values(options)) {
    const option = new Option(flags, means);
    if (option.variadic) option.argParser(collect);
    else if (how?.parse) option.argParser(how.parse);
    command.addOption(option);
  }
  return command.option('--json', 'print one JSON object');
}

/** The members whose options are given. */
export async function membersIn(options: MemberOptions, given: object): Promise<Record<string, unknown>> {
  const members: Record<string, unknown> = {};
  for (const [member, [flags, , how]] of Object.entries(options)) {
    const value = (given as Record<string, unknown>)[new Option(flags).attributeName()];
    if (value === undefined) continue;
    const said = how?.read ? await how.read(value) : value;
    const [name = '', inner] = member.split('.');
    members[name] = inner === undefined ? said : { ...(members[name] as object), [inner]: said };
  }
  return members;
}
