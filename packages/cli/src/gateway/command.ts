/**
 * The `gateway` command: reads the command line by the table in flags.ts and starts the
 * gateway. A flag given twice: the last wins, but for repeatable ones. Decides nothing
 * about the values.
 */
import { Command, Option } from 'commander';
import { flags, type Flag } from './flags.ts';
import { settle } from './settings.ts';
import { gather, type Given } from './sources.ts';

const examples = `
Every setting can also come from the environment (ONCEKEY_LEASE_MS=5000; a comma between the
entries of a repeatable one) or from --config FILE ({"lease-ms": 5000, "scope-header": ["x-tenant"]});
a flag wins over the environment, that over the file, that over the profile.
ONCEKEY_LOG_LEVEL sets the detail of the log on stderr (info).

Examples:
  $ oncekey gateway --upstream http://127.0.0.1:3000
  $ oncekey gateway --upstream http://127.0.0.1:3000 --store memory: --listen 127.0.0.1:0
  $ oncekey gateway --upstream https://api.internal --scope-header x-tenant --scope-header x-user
  $ oncekey gateway --upstream http://127.0.0.1:3000 --scope-jwt iss,sub --jwks https://id.example/jwks.json
  $ oncekey gateway --upstream http://127.0.0.1:3000 --profile stripe --mode observe --metrics 127.0.0.1:9090
`;

/** The command, ready to be added to the program. It throws `Refusal`s for whatever is wrong at start. */
export function gatewayCommand(): Command {
  const given = new Map<string, Given>();
  const command = new Command('gateway')
    .description('put idempotency in front of any HTTP service')
    .addHelpText('after', examples);
  for (const flag of flags) {
    command.addOption(optionOf(flag));
    // Heard rather than read back: commander takes `--no-scope` for the opposite of a `--scope`.
    command.on(`option:${flag.name}`, (text: string | null) => collect(given, flag, text ?? 'true'));
  }
  return command.action(async () => {
    const settings = settle(gather(given, process.env));
    // Only now what takes a while to load: a wrong flag is told at once.
    const { runGateway } = await import('./run.ts');
    await runGateway(settings, process.env);
  });
}

function optionOf(flag: Flag): Option {
  const shown = flag.shownDefault === undefined ? flag.help : `${flag.help} (default: ${flag.shownDefault})`;
  return new Option(flag.value === null ? `--${flag.name}` : `--${flag.name} <${flag.value}>`, shown);
}

function collect(given: Map<string, Given>, flag: Flag, text: string): void {
  const earlier = flag.repeatable ? given.get(flag.name)?.texts : undefined;
  given.set(flag.name, { source: `--${flag.name}`, texts: earlier === undefined ? [text] : [...earlier, text] });
}
