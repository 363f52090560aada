import { error } from '@sveltejs/kit';
import { load_ProductDetail } from '$houdini';
import { required, via } from '$lib/graphql';
import type { PageLoad } from './$types';

export const load: PageLoad = async (event) => {
	const variables = { slug: event.params.slug };
	const { ProductDetail } = await load_ProductDetail({ ...via(event), variables });
	if (!required(ProductDetail).product) error(404, 'This product is not in the shop.');
	return { ProductDetail };
};
