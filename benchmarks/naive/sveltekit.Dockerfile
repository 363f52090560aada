# What a first Dockerfile looks like: one stage, everything copied, then installed and built.
FROM node:24-slim
WORKDIR /app
COPY . .
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/ca; fi \
    && npx --yes npm@10.9.9 ci
RUN npm run check
RUN npm run build
EXPOSE 3000
CMD ["node", "build"]
