/** @type {import('houdini').ConfigFile} */
export default {
	schemaPath: './schema.graphql',
	runtimeDir: '.houdini',
	// Baked in at build time, so it is this site's own path; the API's address is API_URL at run time.
	url: '/graphql',
	watchSchema: null,
	// Price and stock must be fresh on every page.
	defaultCachePolicy: 'NetworkOnly',
	types: { Product: { keys: ['slug'] }, Geo: { keys: ['ip'] } },
	// As on the wire: without its cache Houdini would not convert it.
	scalars: { DateTime: { type: 'string' } },
	plugins: { 'houdini-svelte': { framework: 'kit', forceRunesMode: true } }
};
