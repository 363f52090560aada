import { error, type LoadEvent } from '@sveltejs/kit';
import { get, type Readable } from 'svelte/store';

type Answer<T> = { data: T | null; errors: { message: string }[] | null };

const DOWN = 'The shop is taking a short break. Please try again in a minute.';

/**
 * Houdini's parameters for a load function. The relative address keeps the request on this site's
 * origin whatever the proxy calls it, so that the page reuses the server's answer on hydration.
 */
export function via(event: LoadEvent) {
	const fetch: LoadEvent['fetch'] = (_url, init) =>
		event.fetch('/graphql', init).catch(() => error(503, DOWN));
	return { event, fetch, blocking: true };
}

/** The data of a store that a page cannot do without. */
export function required<T>(store: Readable<Answer<T>>): T {
	const { data, errors } = get(store);
	if (errors) console.error('API:', errors.map(({ message }) => message).join('; '));
	return errors || !data ? error(503, DOWN) : data;
}

/** The data of a store that a page is still good without. */
export function optional<T>(store: Readable<Answer<T>>): T | null {
	const { data, errors } = get(store);
	return errors ? null : data;
}
