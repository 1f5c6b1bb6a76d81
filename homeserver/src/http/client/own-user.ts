import { DomainError } from '../../domain/errors.ts';

/** Paths that name a user are, but for profiles, only for that user. */
export const requireOwn = (requesterId: string, userId: string): void => {
  if (requesterId !== userId) throw new DomainError('forbidden', 'You cannot do this for another user');
};
