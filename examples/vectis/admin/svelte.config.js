import { readdirSync, readFileSync, rmSync } from 'node:fs';
import adapter from '@sveltejs/adapter-node';
import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

const { version } = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8'));

const node = adapter({ precompress: false });

/** @type {import('@sveltejs/kit').Adapter} */
const withoutMaps = {
	...node,
	async adapt(builder) {
		await node.adapt(builder);
		// adapter-node has no option against the server's source maps, half of the build's size.
		for (const file of readdirSync('build', { recursive: true, encoding: 'utf8' })) {
			if (file.endsWith('.map')) rmSync(`build/${file}`);
		}
	}
};

/** @type {import('@sveltejs/kit').Config} */
export default {
	preprocess: vitePreprocess(),
	compilerOptions: { runes: true },
	kit: {
		adapter: withoutMaps,
		alias: { $houdini: '.houdini', '$houdini/*': '.houdini/*' },
		// Kit's default is the build time, which would make every build different.
		version: { name: process.env.APP_VERSION || version },
		csp: {
			directives: {
				'default-src': ['self'],
				'style-src': ['self', 'unsafe-inline'],
				'object-src': ['none'],
				'base-uri': ['none'],
				'form-action': ['self'],
				'frame-ancestors': ['none']
			}
		}
	}
};
