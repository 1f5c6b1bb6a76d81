/** Name of the job that delivers what waits for a pusher. */
export const DELIVER_PUSHES = 'push.deliver';
