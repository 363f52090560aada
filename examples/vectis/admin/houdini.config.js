/** @type {import('houdini').ConfigFile} */
export default {
	schemaPath: './schema.graphql',
	runtimeDir: '.houdini',
	// Baked in at build time, so it only marks the request; hooks.server.ts sends it to API_URL.
	url: '/graphql',
	watchSchema: null,
	// A health page must never show what it once knew.
	defaultCachePolicy: 'NoCache',
	types: { Setting: { keys: ['key'] } },
	// As on the wire: without its cache Houdini would not convert it.
	scalars: { DateTime: { type: 'string' } },
	plugins: { 'houdini-svelte': { framework: 'kit', forceRunesMode: true } }
};
