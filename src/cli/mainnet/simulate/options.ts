/** Values of options, read strictly. */
import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../../../runtime/manifest-shape.ts';

/** Both ends included. */
export const wholeOption =
  (least: number, most: number) =>
  (text: string): number => {
    const number = /^[0-9]{1,15}$/.test(text) ? Number(text) : NaN;
    if (number >= least && number <= most) return number;
    throw new InvalidArgumentError(least === 0 ? 'A whole number.' : `A whole number from ${least} to ${most}.`);
  };
export const durationOption = (text: string): number => {
  const milliseconds = parseDuration(text);
  if (milliseconds === null) throw new InvalidArgumentError('A duration such as 90s or 10m.');
  return milliseconds;
};

export const seedOption = wholeOption(0, Number.MAX_SAFE_INTEGER);
