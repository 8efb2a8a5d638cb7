import { ready, t } from './texts.js';

await ready;
document.title = t('app.name');
