import { falseReports as lie } from '../byzantine/false-reports.ts';
import { plainLie } from './lie.ts';

/** Heights that are not there, blocks and snapshots with other bytes, heads of another log, forged gossip. */
export const falseReports = plainLie('false-reports', lie);
