"""The products that a new shop starts with: slug, name, description, cents, currency, stock."""

PRODUCTS: tuple[tuple[str, str, str, int, str, int], ...] = (
    ("ash-desk-lamp", "Ash Desk Lamp", "Turned ash, linen cord, warm light.", 8900, "EUR", 24),
    ("canvas-tote", "Canvas Tote", "Heavy cotton canvas with an inner pocket.", 3200, "EUR", 80),
    ("cedar-soap-dish", "Cedar Soap Dish", "Slatted cedar that dries fast.", 1800, "EUR", 45),
    ("copper-kettle", "Copper Kettle", "Hand-hammered, 1.2 litres.", 14900, "GBP", 6),
    ("enamel-mug", "Enamel Mug", "Steel, double enamel, 35 cl.", 1400, "EUR", 120),
    ("field-notebook", "Field Notebook", "Stitched, 96 dotted pages.", 900, "USD", 200),
    ("linen-apron", "Linen Apron", "Stone-washed linen, crossed straps.", 5400, "EUR", 32),
    ("merino-throw", "Merino Throw", "Woven in Wales, 130 by 180 cm.", 12500, "GBP", 9),
    ("oak-serving-board", "Oak Serving Board", "One plank, oiled by hand.", 4700, "EUR", 4),
    ("pour-over-set", "Pour-over Set", "Glass carafe and steel filter.", 6800, "USD", 27),
    ("stoneware-bowl", "Stoneware Bowl", "Reactive glaze: no two alike.", 2600, "EUR", 60),
    ("wool-slippers", "Wool Slippers", "Felted wool, leather sole.", 7200, "EUR", 3),
)
SETTINGS = {"store_name": "Vectis Commerce", "support_email": "support@vectis.example"}
