import { load_ShippingCountry } from '$houdini';
import { optional, via } from '$lib/graphql';
import type { LayoutLoad } from './$types';

export const load: LayoutLoad = async (event) => {
	const { ShippingCountry } = await load_ShippingCountry(via(event));
	const geo = optional(ShippingCountry)?.geo;
	return { shippingTo: geo?.available ? geo.countryName : null };
};
