/**
 * The page: what is done when a person does something.
 *
 * @module
 */

import { createEngine } from '../worker-client.ts';
import { Page } from './page.ts';

new Page(createEngine());
