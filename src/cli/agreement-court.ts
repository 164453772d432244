/** `agreement-court`: the command line of people who make agreements and dispute about them. Parses, calls, prints. */
import { runAgreementCourt } from './agreement-court/program.ts';
import { exitCodes, processTerminal } from './terminal.ts';

const code = await runAgreementCourt(process.argv, processTerminal(), process.env);
if (code !== exitCodes.done) process.exitCode = code;
