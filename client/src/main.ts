import { createApp } from 'vue';
import { createPinia } from 'pinia';
import * as z from 'zod/mini';
import './themes/tokens.css';
import './themes/base.css';
import App from './app.vue';
import { browserSockets } from './adapters/browser-socket.ts';
import { fetchHttp } from './adapters/fetch-http.ts';
import { browserPlatform } from './adapters/platform.ts';
import { registerServiceWorker } from './adapters/service-worker.ts';
import { openWorkerEngine } from './adapters/engine-worker.ts';
import { i18n, startLanguage } from './i18n/i18n.ts';
import { makeRouter } from './router.ts';
import { servicesKey } from './runtime/services.ts';
import { usePreferences } from './stores/preferences.ts';
import { useSession } from './stores/session.ts';

// Schemas are interpreted: compiling them would need `unsafe-eval`, which the page's policy refuses.
z.config({ jitless: true });

const app = createApp(App);
app.provide(servicesKey, {
  http: fetchHttp,
  platform: browserPlatform,
  sockets: browserSockets,
  openEngine: openWorkerEngine,
});
app.use(createPinia());
app.use(i18n);
app.config.errorHandler = (error) => browserPlatform.report(error);

usePreferences();
await startLanguage();
const session = useSession();
await session.boot();
app.use(makeRouter());
app.mount('#app');
registerServiceWorker();
