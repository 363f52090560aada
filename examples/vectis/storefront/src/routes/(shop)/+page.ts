import { load_Products } from '$houdini';
import { required, via } from '$lib/graphql';
import type { PageLoad } from './$types';

const PER_PAGE = 24;
const LAST_PAGE = 1000;

export const load: PageLoad = async (event) => {
	const asked = Number.parseInt(event.url.searchParams.get('page') ?? '1', 10);
	const page = Math.min(Math.max(asked || 1, 1), LAST_PAGE);
	const variables = { first: PER_PAGE, offset: (page - 1) * PER_PAGE };
	const { Products } = await load_Products({ ...via(event), variables });
	const { products } = required(Products);
	return { Products, page, more: products.length === PER_PAGE };
};
