import { createRouter, createWebHashHistory } from 'vue-router';
import MainPage from './pages/main-page.vue';
import { useSession } from './stores/session.ts';
import type { Phase } from './stores/session.ts';

/** The page each step on the way in belongs to; `ready` goes wherever the address says. */
const gates: Partial<Record<Phase, string>> = {
  'signed-out': 'sign-in',
  setup: 'vault',
  words: 'vault',
  locked: 'vault',
  restore: 'vault',
};

const open = new Set(['sign-in', 'sign-up']);

/** Hash addresses, so that the app runs from any static host and any folder. */
export const makeRouter = () => {
  const router = createRouter({
    history: createWebHashHistory(),
    routes: [
      { path: '/sign-in', name: 'sign-in', component: () => import('./pages/auth-page.vue') },
      { path: '/sign-up', name: 'sign-up', component: () => import('./pages/auth-page.vue') },
      { path: '/vault', name: 'vault', component: () => import('./pages/vault-page.vue') },
      {
        path: '/',
        component: MainPage,
        children: [
          { path: '', name: 'home', component: () => import('./pages/home-page.vue') },
          { path: 'room/:roomId/:eventId?', name: 'room', component: () => import('./pages/room-page.vue') },
          { path: 'user/:userId', name: 'user', component: () => import('./pages/user-page.vue') },
          { path: 'explore', name: 'explore', component: () => import('./pages/explore-page.vue') },
          {
            path: 'settings/:section?',
            name: 'settings',
            component: () => import('./pages/settings-page.vue'),
          },
        ],
      },
      { path: '/:rest(.*)*', redirect: '/' },
    ],
  });
  router.beforeEach((to) => {
    const session = useSession();
    if (session.phase === 'boot') return true;
    const gate = gates[session.phase];
    const name = String(to.name);
    if (gate === undefined) return open.has(name) || name === 'vault' ? { name: 'home' } : true;
    if (gate === 'sign-in' && open.has(name)) return true;
    return name === gate
      ? true
      : { name: gate, query: open.has(name) || name === 'vault' ? {} : { next: to.fullPath } };
  });
  return router;
};
