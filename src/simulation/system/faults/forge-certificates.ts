import { forgedCertificates } from '../byzantine/forged-certificates.ts';
import { plainLie } from './lie.ts';

/** Round changes and justifications with certificates that are forgotten, too small, padded or of something else. */
export const forgeCertificates = plainLie('forge-certificates', forgedCertificates);
